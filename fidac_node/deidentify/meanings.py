"""The meanings of codes that PS3.16 publishes for CT: phrases that are the same in every hospital.

Written by profiles/dictionary.py from pydicom's copy of the standard: change that, not this.
"""

from typing import Final

# One phrase a line.
PHRASES: Final = """\
+, range of upper measurement uncertainty
+/-, range of measurement uncertainty
-, range of lower measurement uncertainty
/Centimeter
/min
/s
1 Sigma Lower Value of population
1 Sigma Upper Value of population
10-6.mm2/s
100cm from X-Ray Source
10th Percentile Value of population
15cm from Isocenter toward Source
15cm from Table Centerline
1cm above Tabletop
1st Diagonal Coronary Artery
1st Left Posterolateral Coronary Artery
1st Marginal Coronary Artery
1st Right posterolateral Coronary Artery
1st Septal Coronary Artery
1st week
2 Sigma Lower Value of population
2 Sigma Upper Value of population
2 Sigma deviation of population
2nd Diagonal Coronary Artery
2nd Left Posterolateral Coronary Artery
2nd Marginal Coronary Artery
2nd Right posterolateral Coronary Artery
2nd week
30cm above Tabletop
30cm in Front of Image Input Surface
3D Manufacturing Modeling System
3rd Left Posterolateral Coronary Artery
3rd Marginal Coronary Artery
3rd Right posterolateral Coronary Artery
3rd diagonal Coronary Artery
3rd week
4 months to 1 year ago
4.2cm above Breast Support Surface
5th Percentile Value of population
90th Percentile Value of population
95th Percentile Value of population
< 3 months ago
> 1 year ago
AAPM 204 AP Dimension
AAPM 204 Effective Diameter Estimated From Patient Age
AAPM 204 Lateral Dimension
AAPM 204 Sum of Lateral and AP Dimension
ACR Position Statement
AIC
AV groove continuation of Circumflex Artery
Abdomen
Abdomen and Pelvis
Abdominal Compression Arch
Abdominal Compression Belt
Abdominal aorta
Abdominal wall muscle
Abnormal
Abnormal calcifications
Abnormal interstitial pattern
Abnormal lines (1D)
Abnormal lucency
Abnormal opacity
Abnormal texture
Abnormally High
Abnormally Low
Abrupt interface
Abscess
Absent
Absolute Regional Blood Flow
Absolute Regional Blood Volume
Absorbed Dose
Accessory Renal Artery
Acetabular angle
Acinar
Acquisition Equipment
Acquisition Number
Acquisition frames corresponding to volume
Acromioclavicular joint
Acromion process of scapula
Acute onset
Addended report
Addendum
Adenohypophysis
Adrenal gland
Adult Congenital Cardiac Ultrasound Report
Adult Echocardiography Procedure Report
Adventitia
Afferent
Agatston scoring method
Air
Air bronchiologram
Air bronchogram
Air crescent
Air space
Air-fluid level
Air-trapping
Airway structure
All Planes
Alpha-adrenergic blocking agent
Alternate Photometric Interpretation image
Alternate SOP Class instance
Aluminum
Amygdala
Anatomic image
Anatomical Structure
Anechoic
Angiography
Angle
Angle of rib
Ankle joint
Anomalous Exponent Parameter
Anomalous pulmonary vein
Antecubital vein
Anterior
Anterior Cerebral Artery
Anterior Commissure
Anterior Tibial Vein
Anterior cardiac vein
Anterior communicating artery
Anterior junction line
Anterior projection
Anterior segment of left upper lobe
Anterior segment of right upper lobe
Anterior spinal artery
Anterior surface of the RPE
Anterior tibial artery
Anterior-Middle Cerebral Artery Bifurcation
Anterior-Posterior Cerebral Artery Bifurcation
Anterolateral
Anti-heparin agent
Antiarrhythmic drug
Anticoagulant
Antihemophilic factor preparation
Antihistamine
Anus
Anus, rectum and sigmoid colon
Anxiety
Aorta
Aortic arch
Aortic fistula
Aortic isthmus
Aortic knob
Apex of Lung
Apex of left ventricle
Apex of right ventricle
Apical
Apparent Diffusion Coefficient
Apparent Kurtosis Coefficient
Arachnoid
Arch of the Azygos vein
Arch of vertebra
Architectural distortion
Archive
Arcuate Artery of the Kidney
Area
Area of Vascular Calcification
Area of defined region
Arithmetic Average of SSDE(z)
Artery
Artifact(s) other than grid or detector artifact
Ascending
Ascending aorta
Astringent drug
At Surface of Patient
At last appointment
Atherectomy device
Atrial Septal defect
Atrial Vein
Atrioventricular Vein
Atrium
Atropine
Attenuation Coefficient
Automated Data Collection
Automated Slide Stainer
Autonomic nerve
Autorefraction
Average calcification distance in a calcification cluster
Axial
Axial Diffusivity
Axial Kurtosis
Axilla
Axillary Artery
Axillary Fascia
Axillary vein
Azygoesophageal recess interface
Azygos vein
BB shot (Lead Pellet)
BIC
Back
Background
Backrest
Baffle
Barium
Barium Sulfate
Basal
Baseline
Basic Application Confidentiality Profile
Basic Voice Audio
Basilar artery
Basilic vein
Bat's wing distribution
Beaded septum sign
Becquerels/milliliter
Best In Set
Best illustration of finding
Bilateral
Bile
Bile duct
Biliary tract
Binary Segmentation
Biomagnetic Imaging
Biopsy localizer
Bite block
Bladder
Bladder and urethra
Blood
Blood Oxygenation Level
Blood Vessel
Blood clot
Body Frame
Body Substance
Body cavity
Body conduit
Body fluid
Body of sternum
Bolus Arrival Time
Bone
Bone Mineral Densitometry
Bone Pin
Bone Screw
Bone of lower limb
Bone of thorax
Bone of upper limb
Bone structure of head and/or neck
Bootstrap
Boundary point
Bounded by
Boyd's perforating vein
Brachial artery
Brachial vein
Brachiocephalic vein
Brachytherapy channel
Brachytherapy channel shield
Brachytherapy source applicator
Brain
Brain Stem
Brain cerebrospinal fluid pathway
Brain ventricle
Breast
Breast Board
Breast Bridge
Breast Imaging Report
Breast tissue density
Broad ligament
Bronchial
Bronchial artery
Bronchospasm
Bronchovascular
Bronchus
Bullet
Bunamiodyl
Butterfly distribution
Butterfly filter
Buttock
By inhalation
C-Arm Mount
C1 vertebra
C2 vertebra
C2/C3 disc
C3 vertebra
C3/C4 disc
C4 vertebra
C4/C5 disc
C5 vertebra
C5/C6 disc
C6 vertebra
C6/C7 disc
C7 vertebra
C7/T1 disc
CD Imported
CHARMED
CT Abdomen Report
CT Chest Report
CT Head Report
CT Protocol
CT Report
CT perfusion head with contrast IV
CT unspecified body region
CT without contrast
CTDIfreeair to E conversion via MC computation
CTDIfreeair to E conversion via measurement
Calcaneus
Calcification extent as percent of surface
Calcification extent as percent of volume
Calcium
Calculated
Calyx
Capillary
Capsular
Carbon dioxide
Carbon^14^ D-xylose
Carbon^14^ triolein
Cardiac Arrhythmia
Cardiac Catheterization Report
Cardiac Electrophysiology
Cardiac Electrophysiology Report
Cardiac Pacemaker
Cardiac adrenergic blocking agent
Cardiac pacemaker
Cardiac pacemaker lead
Cardiorespiratory arrest
Cardiovascular system
Carina
Carina angle
Carotid Artery
Carotid Bifurcation
Carotid Body
Carotid Bulb
Carotid Siphon
Cartilage
Cassette-based Projection Radiography System
Cast
Catheter
Caudal
Caudate Nucleus
Cavity extent as percent of volume
Cavum of septum pellucidum
Center
Center of Mass
Centerline
Centimeter**2
Centimeter**2/milliliter
Central
Central Retinal Artery
Central Retinal Vein
Central line
Central nervous system
Centrally acting hypotensive agent
Centrilobular
Centrilobular structures
Cephalic
Cephalic vein
Cerebellar Cortex
Cerebellar Subarachnoid Space
Cerebellar White Matter
Cerebellum
Cerebral Gray Matter
Cerebral White Matter
Cerebral aqueduct
Cerebral artery
Cerebral cortex
Cerebral fornix
Cerebral hemisphere
Cerebrospinal Fluid
Cervical collar
Cervical spine
Cervico-thoracic spine
Cervix
Chair
Change of procedure for correct charging
Cheek
Chest
Chest and Abdomen
Chest tube
Chest wall
Chest wall muscle
Chest, Abdomen and Pelvis
Chi-square
Chills and fever
Chloriodized oil
Choline
Choline/Creatine Ratio
Chordae tendineae cordis
Chromic phosphate P^32^
Chromium^51^ albumin
Chromium^51^ chloride
Chronic
Cine Film Digitized
Cingulum
Circle of Willis
Circumference
Circumflex Coronary Artery
Circumscribed
Citrate
Class activation
Clavicle
Clavicular notch of sternum
Clean Descriptors Option
Clean Graphics Option
Clean Pixel Data Option
Clean Recognizable Visual Features Option
Clean Structured Content Option
Clinical Information
Clinical Trial Submission Input Used
Clip
Clothing
Coagulant
Coalescent
Coarse (popcorn-like) calcification
Cobb angle
Coccyx
Cockett's perforating vein
Coin
Coin lesion
Collection of Presentation States
Collimator
Colon
Combined posterior enhancement and shadowing
Common Femoral Artery
Common Femoral Vein
Common Hepatic Artery
Common atrium
Common bile duct
Common carotid artery
Common iliac artery
Common iliac artery bifurcation
Common iliac vein
Common ventricle
Communication of Critical Results
Complete Acquisition Content
Complete Rendering for Presentation
Complete Study Content
Complex
Complication of Procedure
Complications
Composed from prior doses
Composed from prior doses and current plan
Composed with radiobiological effects
Composed with weighting for fractions delivered
Compression paddle
Computation Server
Computed From Image Attributes
Computed Radiography
Computed Tomography
Computed tomography
Computer Assisted Detection/Diagnosis
Conclusion
Conclusions
Cone Beam Acquisition
Cone beam computed tomography
Confocal Microscopy
Congenital coronary artery fistula to left atrium
Congenital coronary artery fistula to left ventricle
Congenital coronary artery fistula to right atrium
Congenital coronary artery fistula to right ventricle
Connective tissue
Constant Angle Acquisition
Contact with
Content Assessment Result
Continuous
Contouring Input Used
Contralateral
Contrast Agent Angio MR Signal Intensity
Contrast agent
Coordinate Alignment Image Series
Copied From Image Attributes
Copper
Copper^64^ acetate
Copper^64^ versenate
Copper^67^ ceruloplasmin
Coracoid process of scapula
Cornea
Corona radiata
Coronal
Coronary artery
Coronary artery calcium score
Coronary artery graft
Coronary sinus
Corpus callosum
Corpus striatum
Correlates to MRI findings
Correlates to mammography findings
Correlates to other imaging findings
Correlates to physical examination findings
Correlates to ultrasound findings
Costal Cartilage
Costal groove
Costocervical trunk
Cough
Couinaud hepatic segment I
Couinaud hepatic segment II
Couinaud hepatic segment III
Couinaud hepatic segment IV
Couinaud hepatic segment V
Couinaud hepatic segment VI
Couinaud hepatic segment VII
Couinaud hepatic segment VIII
Counts
Counts per second
Cranial
Cranial Cavity
Cranial Subarachnoid Space
Cranial nerve
Cranial venous system
Creatine
Creatine and Choline
Creatine+Choline/Citrate Ratio
Crossed grid
Current Procedure Descriptions
Current procedure evidence
Curved multiplanar reformatting
Cyanocobalamin Co^57^
Cyanocobalamin Co^58^
Cyanocobalamin Co^60^
Cyst
D-W
DEXA Skeletal System Study Report
DLP to E conversion via MC computation
DLP to E conversion via measurement
DOT
DSI
DVD Imported
Data Retention Policy Expired
De-identifying Equipment
Decrease in size
Deep
Deep Palmar Arch of Radial Artery
Deep Palmar Venous Arch
Defibrillator
Deformed for Registration
Deltoid muscle
Density
Dental Prosthesis
Dental radiography
Department System Scheduler
Dependent opacity
Depth
Derived From Human-Readable Reports
Dermoscopy
Descending
Descending aorta
Detachable balloon
Detector artifact(s)
Deterministic
Device localizer
Dextran
Diagnosis Input Used
Diagnostic Imaging Report
Diagnostic Interventional Radiology Report
Diagnostic Source Images
Diagnostic radiography with contrast media
Diagnostic radioisotope
Diameter
Diameter of circumscribed circle
Diamond Detector
Diaphanography
Diaphragm
Diatrizoate
Diencephalon
Difference in Texture
Difference in border definition
Difference in border shape
Difference in distribution
Difference in location
Difference in site involvement
Difference in size
Difference in substance
Diffuse
Diffuse inflammatory erythema
Diffusely increased vascularity in surrounding tissue
Diffusion Coefficient
Diffusion image analysis
Diffusion tractography
Diffusion weighted
Digital Radiography
Digital artery of hand
Digital imager
Digoxin
Diode
Diode Array
Direct Detector
Discoid
Discontinued Procedure Step rescheduled
Discontinued Procedure Step rescheduling recommended
Discontinued for unspecified reason
Disseminated
Distal
Distal Circumflex Coronary Artery
Distal Left Anterior Descending Coronary Artery
Distal Right Coronary Artery
Distance
Distance Source to Detector
Distance Source to Isocenter
Distance Source to Reference Point
Distance Source to Table Plane
Distance from chest wall
Distance from nipple
Distance from skin
Distinctly defined
Distributed Diffusion Coefficient
Diuretic
Doctor canceled procedure
Document
Document Digitizer Equipment
Dodd's perforating vein
Dorsal aspect of scapula
Dorsal scapular artery
Dorsalis Pedis Artery
Dose Calculation Image Series
Dosimeter
Dosimetric Result
Double exposure
Drug Induced Dizziness
Drug Rash
Drug induced Flushing
Drug-induced hypotension
Dual energy X-Ray absorptiometry
Duodenum
Duplicate order
Dura mater
Dynamic magnetic resonance imaging of knee
Dynamic magnetic resonance imaging of pelvis
Dyspnea
ECG Report
ELM - External limiting membrane
Ear
Echocardiography Report
Echogenic halo
Echogenicity
Edema
Edge
Edge enhancement
Efferent
Eggshell calcification
Eighth Intercostal Space
Elasticity
Elbow joint
Electrical failure
Electrocardiography
Electroencephalography
Electromyography
Electrooculography
Eleventh Intercostal Space
Eligibility
Elliptic
Embolization ball
Embolization coil
Embolization particulate
Embolus
Endo-arterial
Endo-cardiac
Endo-esophageal
Endo-nasal
Endo-nasopharyngeal
Endo-rectal
Endo-renal
Endo-ureteric
Endo-urethral
Endo-vaginal
Endo-vascular
Endo-venous
Endo-vesical
Endoscopy
Endotracheal tube
Enhanced Multi-frame Conversion Equipment
Enlarged
Entire body
Entorhinal Cortex
Epigastric region
Epileptic convulsions
Epinephrine
Equation
Equation Citation
Equipment change
Equipment failure
Equivalent CDA Document
Equivalent Dose
Erector spinae muscle
Esophageal Hiatus
Esophageal artery
Esophagus
Esophagus, stomach and duodenum
Estimated
Estimated from Water Equivalent Diameter
Ethanol
Ethmoid bone
Euler
Europium
Exercise Stress Test Report
Extended Rendering for Presentation
External
External auditory canal
External carotid artery
External ear
External iliac artery
External iliac vein
External intercostal muscle
External jugular vein
External prosthesis for sonographic procedure [Stand-off]
External-camera Photography
Extra-articular
Extraction of individual subject from group
Extravasation visible in image
Extremely small
Extremity
Eye
Eye region
Eyeball
Eyelid
FACT
Face
Facial Swelling
Facial artery
Facial bones
Fallopian tube
Fascial layer
Fast Diffusion Coefficient
Fast Diffusion Coefficient Fraction
Fat
Fat fraction
Feces
Feeding tube
Female internal genitalia
Femoral artery
Femoral vein
Femur
Ferrous chloride Fe^59^
Ferrous citrate Fe^59^
Ferrous sulfate Fe^59^
Fetal Cardiac Ultrasound Report
Fibrinogen I^123^
Fibrinolysin
Fibrocalcific
Fibronodular
Fibula
Fiducial mark
Field Map MR Signal Intensity
Fifth Intercostal Space
Fifth Lumbar Artery
Film
Film Digitizer
Filtered Back Projection
Finding
Finding partially removed
Findings
Finger
First Intercostal Space
First Lumbar Artery
Fissure of lung
Five chamber
Fixed grid
Flank
Flat filter
Fleischner's line(s)
Flocculent
Floor
Flow Variance
Flow Velocity
Flow image for image processing
Fluffy
Fluorodeoxyglucose F^18^
Fluoroscopy
Fluoroscopy Study Report
Fluoroscopy and radiography
Fluoroscopy-Guided Projection Radiography System
Focal
Focused grid
Fontanel of skull
Foot
For Attenuation Correction
For Clinical Trial Export
For Clinical Trial Submission
For Conference
For Diagnosis
For Litigation
For Machine Quality Assurance
For Patient
For Patient Setup Verification
For Peer Review
For Physician Review
For Physicist Review
For Plan Comparison
For Plan Quality Assurance
For Printing
For Processing predecessor
For Publication Export
For RT Plan Summation
For RT Prescription
For RT Treatment Planning
For RT Workflow
For Referring Provider
For Report Attachment
For Research
For Research Collection Export
For Segmentation
For Surgery
For Teaching
For Teaching File Export
For Therapy
For Tumor Board
For Tumor Registry
Forearm
Foreign body
Foreign material (iodized oil, mercury,talc)
Four chamber
Fourth Intercostal Space
Fourth Lumbar Artery
Fourth Ventricle
Fractal Dimension
Fractional Anisotropy
Fractional Kurtosis Anisotropy
Fractional Occupancy Segmentation
Fractional Probabilistic Segmentation
Frame Extracting Equipment
Free Acquisition
Frontal bone
Frontal lobe
Full fidelity image
Function
Functional image
Gadobenate dimeglumine
Gadobutrol
Gadodiamide
Gadofosveset
Gadolinium
Gadopentetate dimeglumine
Gadoterate meglumine
Gadoteridol
Gadoversetamide
Gadoxetate disodium
Gallbladder
Gallium^67^ citrate
Gamma Distribution Mode
Gamma Distribution Scale Parameter
Gamma Distribution Shape Parameter
Gas
Gastric Artery
Gastric vein
Gastrocnemius vein
Gastroduodenal Artery
Gaussian blur
Gel prosthesis for imaging procedure
General Microscopy
Generalized
Genicular artery
Geometric Centerpoint
Giacomini vein
Glenoid cavity of scapula
Global
Globus Pallidus
Glucagon preparation
Glue
Glutamate and glutamine
Glutamine
Gradient-weighted class activation
Granular pattern
Gray Matter
Great Saphenous Vein of Calf
Great Saphenous Vein of Thigh
Great cardiac vein
Great saphenous vein
Grid artifact(s)
Ground glass opacity
Group of Frames for Display
Guiding catheter
Gutter
Gy
Halo sign
Hand
Hand Grips
Hard Copy
Hard Copy Print Server
Head
Head Fixation Board
Head Mask
Head and Neck
Head and Neck Mask
Head of rib
Headache
Headframe
Headrest
Heart
Heart valve prosthesis
Heel Stop
Height
Hemodynamic Resistance
Hemodynamic Waveform
Hemorrhage
Hemostatic agent
Heparin
Hepatic artery
Hepatic vein
Hertz
Heterogeneous echotexture
Hiatus
Highly significant
Hilar
Hilar Artery
Hilum of lung
Hip
Hip joint
Hippocampus
History
Holter Study Report
Homogeneous
Homogeneous fat echotexture
Homogeneous fibroglandular echotexture
Honeycomb pattern
Horizontal
Horizontal Long Axis
Hounsfield unit
Human fibrinogen
Humerus
Hunterian perforating vein
Hyoid bone
Hyper-acute
Hyperechoic
Hypertension
Hypoechoic
Hypogastric region
Hypopharynx
Hypotension
Hypotensive agent
IAUC
IAUC180
IAUC180BN
IAUC60
IAUC60BN
IAUC90
IAUC90BN
IAUCBN
ICRP Pub 103
ICRP Pub 60
ICRP Publication 106
ICRP Publication 53
ICRP Publication 80
ID Plate
ILM - Internal limiting membrane
Ileal vein
Ileum
Iliac and/or femoral artery
Iliac artery
Iliac vein
Iliocostalis muscle
Ilium
Illustration of ROI
Image Acquired during Treatment
Image Capture
Image Quality
Image artifact(s)
Image quality analysis
Image stitching
Image used as Reference Image for Treatment
Image used for Dose Calculation
Image used for Treatment Planning
Images related to standalone object
Imaging procedure
Implant
Impression
Impressions
In Detector Plane
Inappropriate image processing
Incorrect Modality Worklist Entry
Incorrect procedure ordered
Incorrect side ordered
Incorrect worklist entry selected
Increase in size
Indexed Hemodynamic Resistance
Indications for Procedure
Indirect Detector
Indium^111 Capromab Pendetide
Indium^111 Chloride
Indium^111 Pentetreotide
Indium^111^ pentetate
Indium^111^ red cell label
Indium^111^ transferrin
Indium^111^-Fe(OH) >3<
Indium^111^oxyquinoline
Indium^113m^ bleomycin
Indium^113m^ chloride
Indium^113m^ pentetate
Inferior
Inferior Horn of Lateral Ventricle
Inferior Mesenteric Vein
Inferior Right Hepatic Vein
Inferior articular facet of axis
Inferior articular process of vertebra
Inferior cardiac vein
Inferior cerebellar peduncle
Inferior left pulmonary vein
Inferior longitudinal fasciculus
Inferior mesenteric artery
Inferior phrenic artery
Inferior right pulmonary vein
Inferior vena cava
Infiltrate
Inflammation
Infra-renal Aorta
Infraspinatus muscle
Inguinal region
Inhomogeneous
Injection Site Extravasation
Injection site abscess
Injection site anesthesia
Injection site atrophy
Injection site bruising
Injection site burning
Injection site cyst
Injection site dermatitis
Injection site disorder
Injection site edema
Injection site fibrosis
Injection site granuloma
Injection site hemorrhage
Injection site hypersensitivity
Injection site induration
Injection site infection
Injection site inflammation
Injection site irritation
Injection site malabsorption
Injection site mass
Injection site necrosis
Injection site nerve damage
Injection site pain
Injection site paresthesia
Injection site pigmentation change
Injection site scar
Injection site sterile abscess
Injection site thrombosis
Injection site ulcer
Injection site urticaria
Inlay Dental Restoration
Inner ear
Inner limits of fuzzy margin
Innermost intercostal muscles
Innominate artery
Innominate vein
Inositol
Inotropic agent
Instance Number
Instances Imported
Institutionally Approved Estimates
Institutionally defined quality control standard
Insula
Integrated Projection Radiography System
Inter-Hemispheric Plane
Interatrial septum
Intercostal
Intercostal artery
Interface
Interlobar Artery of Kidney
Interlobular Artery of Kidney
Intermediate
Intermediate Artery (Ramus)
Internal
Internal Auditory Canal
Internal Carotid Artery C5 segment
Internal Carotid Artery C6 segment
Internal carotid artery
Internal iliac artery
Internal iliac vein
Internal intercostal muscle
Internal jugular vein
Internal mammary artery
Internal thoracic artery
Interquartile Range of population
Interquartile Range to Median ratio of population
Interstitial tissue
Interventricular septum
Intima
Intra-abdominopelvic
Intra-arterial route
Intra-articular
Intra-articular route
Intra-oral Radiography
Intra-pelvic
Intra-thoracic
Intracardiac route
Intracoronary route
Intracorpus cavernosum route
Intracranial
Intracranial structure
Intracutaneous route
Intralobular lines
Intraluminal
Intraluminal route
Intramedullary route
Intramuscular route
Intraocular Lens Calculation
Intraoperative
Intraperitoneal route
Intrathecal route
Intratumor route
Intravascular Optical Coherence Tomography
Intravascular Ultrasound
Intravenous route
Intraventricular route - cardiac
Invasive breast carcinoma
Investigational New Drug
Iodamide meglumine
Iodinated I^125^ DPA-713
Iodinated I^125^ albumin
Iodinated I^125^ human serum albumin
Iodinated I^125^ povidone
Iodinated I^125^ sodium iodine
Iodinated I^131^ aggregated albumin
Iodinated I^131^ albumin
Iodinated I^131^ gamma globulin
Iodine
Iodine^123 15-(4-Iodophenyl)-3(R,S)-Methylpentadecanoic Acid
Iodine^123 3-Iodobenzylguanidine MIBG
Iodine^131 3-Iodobenzylguanidine MIBG
Iodine^131^ polyvinylpyrrolidone
Iodipamide
Iodixanol
Iodized oil
Iodoalphionic acid
Iodocholesterol I^131^
Iodohippurate I^123^ sodium
Iodohippurate I^125^ sodium
Iodohippurate I^131^ sodium
Iodophthalein
Iodopyracet
Iofetamine I^123^ hydrochloride
Ioflupane I^123^
Iohexol
Ion Chamber
Ion Chamber Array
Iopamidol
Iopanoic acid
Iophendylate
Iophenoxic acid
Iopromide
Iothalamate
Iothalamate sodium I^125^
Ioversol
Ioxaglate
Ioxilan
Ipodate
Ipsilateral
Iron
Iron Fe^59^ labeled dextran
Irregular
Isoechoic
Itching
Iterative Reconstruction
J Wire
Jaw region
Jejunostomy tube
Jejunum
Jewelry
Joint
Juxtaposed atrial appendage
Keratometry
Kerley A line
Kerley B line
Kerley C lines
Key Images
Key Object Selection
Kidney
Kidney stent
Knee
Krypton^81m
Ktrans
Kurtosis
Kurtosis Diffusion Coefficient
L1 vertebra
L1/L2 disc
L2 vertebra
L2/L3 disc
L3 vertebra
L3/L4 disc
L4 vertebra
L4/L5 disc
L5 vertebra
L5/S1 disc
Lacrimal artery
Lacrimal artery of right eye
Lacrimal bone
Lactate
Lamina of vertebra
Laminated
Large
Large intestine
Laryngeal edema
Larynx
Laser
Laser Scan
Lateral
Lateral Ventricle
Lateral calf perforator
Lateral corticospinal tract
Lateral-medial
Latero-medial oblique
Latissimus dorsi muscle
Lead
Left
Left Anterior Descending Coronary Artery
Left Branch of Hepatic Artery
Left Coronary Artery
Left Hemisphere Most Anterior
Left Hemisphere Most Inferior
Left Hemisphere Most Posterior
Left Hemisphere Most Superior
Left Hepatic Vein
Left Main Branch of Portal Vein
Left Main Coronary Artery
Left Main Coronary Artery Ostium
Left Posterior Descending Circumflex Coronary Artery
Left Posterolateral Circumflex Coronary Artery
Left Pulmonary Vein
Left Ventricular Assist Device
Left anterior oblique
Left atrium
Left auricular appendage
Left femoral artery
Left hypochondriac region
Left inguinal region
Left lateral projection
Left lower quadrant of abdomen
Left lumbar region
Left main bronchus
Left posterior oblique
Left pulmonary artery
Left upper quadrant of abdomen
Left ventricle
Left ventricle inflow
Left ventricle outflow tract
Length
Lensometry
Lesion
Lesion of Brain
Less defined
Lesser Saphenous Vein
Levatores costarum muscles
Lidocaine
Lidocaine hydrochloride
Ligament
Ligamentum arteriosum
Limbic lobe
Line
Line segment length
Linear
Linear Displacement
Linear spiculation
Lingual artery
Lip
Lipid
Lipid and Lactate
Liquid Ion Chamber
Liver
Liver and biliary structure
Lobar
Lobar Artery
Lobe of lung
Lobulated
Localizer
Long axis
Longissimus muscle
Longitudinal
Lossy Compression
Lossy compressed image
Lossy compressed predecessor
Lower inner quadrant of breast
Lower leg
Lower limb
Lower lobe of lung
Lower outer quadrant of breast
Lower zone of lung
Lucency
Lumbar artery
Lumbar region
Lumbar spine
Lumbo-sacral spine
Lumen
Lumen of blood vessel
Lung
Lutetium^177^ DOTATATE
Lutetium^177^ n-acetylaspartylglutamate
Lymph Node
Lymphatic system
Lymphatic vessel
Lymphoid tissue
MIRD Pamphlet 1
MIRDOSE
MOD Imported
MOSFET radiation therapy dosimetry system dosimeter
MPPS Content
MR signal intensity
MRI Head Report
MRI Report
MRI Spine Report
MRI unspecified body region
MX
Machine Quality Assurance Input Used
Magnetic Resonance
Magnetic Susceptibility
Magnetic resonance imaging guidance
Magnetization Transfer Ratio
Maintenance therapy
Major Axis
Male external genitalia
Male internal genitalia
Mammography
Mammography Screening Report
Mandible
Manifest
Manual Entry
Manubrium of sternum
Marginal
Marginal Coronary Artery
Mask image for image processing operation
Mass
Mass of Vascular Calcification
Mass of breast
Mass of parenchymal tissue
Mass scoring method
Mastoid bone
Maxilla
Maximum
Maximum Attenuation Coefficient
Maximum Difference
Maximum Slope
Maximum intensity projection
Mean
Mean Attenuation Coefficient
Mean Diffusivity
Mean Kurtosis
Mean Transit Time
Mean Value of population
Mean value chosen
Measured
Measuring ruler
Mechanical failure
Media
Media Creation Device
Media Failure
Medial
Medial Lemniscus
Medial-lateral
Median
Median Attenuation Coefficient
Median Cubital vein
Median Value of population
Mediastinum
Medications Administered
Medio-lateral oblique
Medium
Meglumine diatrizoate
Meglumine iodipamide
Meninges
Meniscus
Menstruation present
Mesenteric artery
Mesenteric vein
Metabolite Maps from spectroscopy data
Method Citation
Methylene blue
Metrizamide
Metrizoate
Micromole/milliliter
Micromole/minute/milliliter
Micronodule
Mid Circumflex Coronary Artery
Mid Left Anterior Descending Coronary Artery
Mid Right Coronary Artery
Mid-longitudinal
Midbrain
Middle Cerebral Artery
Middle Cerebral Artery M1 Segment
Middle Cerebral Artery M2 Segment
Middle Hepatic Vein
Middle cardiac vein
Middle cerebellar peduncle
Middle ear
Middle lobe of right lung
Middle zone of lung
Midline
Midlung window
Mild
Miliary pattern
Milligrams/minute/milliliter
Milliliter/gram
Milliliter/minute/gram
Minimum
Minimum Attenuation Coefficient
Minimum intensity projection
Minor Axis
Mitral Valve
Mode
Model Free
Model for 3D Manufacturing
Moderate
Modifying Equipment
Mold
Molybdenum
Mono-exponential Apparent Diffusion Coefficient
More defined
Morphologically Abnormal Structure
Mosaic pattern
Mosaic perfusion
Most recent value chosen
Most significant
Motion blur
Mouth
Multi Tensor
Multi-energy proportional weighting
Multifocal
Multiparametric MRI
Multiparametric MRI of prostate
Multiparametric MRI of whole body
Multiplanar reformatting
Muscle
Muscle of head
Muscle of lower limb
Muscle of neck
Muscle of upper limb
Muscular
N-acetylaspartate
N-acetylaspartate/Choline Ratio
N-acetylaspartate/Creatine Ratio
NM unspecified body region
Narrow
Nasal Congestion
Nasal bone
Nasal route
Nasopharynx
Nausea and vomiting
Neck
Neck and Chest
Neck of rib
Neck, Chest and Abdomen
Neck, Chest, Abdomen and Pelvis
Necrosis
Needle
Negative enhancement integral
Neoplasm
Neoplasm, Primary
Neoplasm, Secondary
Nerve
Neurohypophysis
Nifedipine
Ninth Intercostal Space
Niobium
Nipple ring
Nitroglycerin
No
No correlation to clinical findings
No correlation to other imaging findings
No filter
No grid
No image
No motor response to command
No posterior acoustic features
No significant changes in the finding
Nodular
Nodular pattern
Nodule
Non radiopaque medium
Non-Lesion at Baseline
Non-Target Lesion Complete Response
Non-Target Lesion Incomplete Response or Stable Disease
Non-Target Lesion Progressive Disease
Non-Target Lesion at Baseline
Non-infiltrating intraductal carcinoma
Non-lesion
Normal
Normal Range Lower Limit
Normal Range Upper Limit
Normality Undetermined
Nose
Not parallel
Not significant
Not sure
Nuclear Medicine
Nuclear Medicine Projection Activity
Nuclear Medicine Report
Nuclear Medicine Thyroid Scan Report
Nuclear Medicine Tomographic Activity
Nucleus Accumbens
Nursing unit cancel
OCT B-scan analysis
OLINDA-EXM
OSLD
Object Set incomplete
Object Types not supported
Objects incorrectly formatted
Oblique
Oblique axial
Occipital artery
Occipital bone
Occipital lobe
Occipital vein
Occlusal projection
Of Interest
Off axis
Oleic acid I^125^
Oligemia
Omental bursa
Omentum
On admission
On admission to unit
On discharge
On discharge from unit
Opacity
Opaque Marker
Ophthalmic Axial Measurements
Ophthalmic Mapping
Ophthalmic Photography
Ophthalmic Tomography
Ophthalmic Tomography B-scan Volume Analysis
Ophthalmic Tomography En Face
Ophthalmic Visual Field
Ophthalmic artery
Optic canal
Optic chiasm
Optic radiation
Optic tract
Optical Coherence Tomography
Optical Surface Scanner
Oral route
Orbital structure
Organ
Orthogonal location arc
Orthogonal location arc inner margin
Orthogonal location arc outer margin
Osseous
Ossification
Other
Other Marker
Other failure
Other image of biplane pair
Other image of stereoscopic pair
Other malignancy type
Other partial views
Outer limits of fuzzy margin
Outer surface of GCL
Outer surface of HFL
Outer surface of INL
Outer surface of IPL
Outer surface of OPL
Outer surface of RNFL
Outer surface of the BM
Outer surface of the CC
Outline
Outline of lobulations
Outline of spiculations
Ovarian Artery
Ovarian vein
Ovary
Over exposed
Oxygen
Oxygen Extraction Fraction
P.R.U.
P.R.U./m2
PAS
PET Scan Report
PET unspecified body region
PET whole body
PET/CT FDG imaging of whole body
PET/CT MET imaging of whole body
Package Insert
Palatine bone
Pallor (Pale Complexion)
Pancreas
Pancreatic duct
Pancreatic duct and bile duct systems
Pancreatic stent
Panoramic X-Ray
Papaverine
Paper Digitized
Parallel
Parallel grid
Paranasal sinus
Parasagittal
Paraspinal line
Parasternal
Parathyroid
Parenchyma
Parenchymal band
Parietal bone
Parietal lobe
Parotid gland
Partial Rendering for Presentation
Partial report
Patella
Patent ductus arteriosus
Path length
Patient Presentation
Patient Setup Verification Input Used
Patient Setup Verification Result
Patient allergic to media/contrast
Patient condition prevented continuing
Patient did not arrive
Patient died
Patient motion
Patient pregnant
Patient refused to continue procedure
Patient taken for treatment or surgery
Peak Value Within ROI
Pectoral girdle
Pectoralis major muscle
Pectoralis minor muscle
Pediatric Cardiac Ultrasound Report
Pedicle of vertebra
Pelvic cavity, false
Pelvic cavity, true
Pelvis
Pelvis and lower extremities
Penis
Pentetate calcium trisodium Yb^169^
Per rectum
Percent
Percentage of Vascular Calcification
Percentile Ranking of measurement
Percutaneous transluminal angioplasty balloon
Perforating Artery of Kidney
Performance of CT for Detection of Pulmonary Embolism in Adults
Performance of High-Resolution CT of the Lungs in Adults
Performance of Pediatric and Adult Chest Radiography, ACR
Performance of Pediatric and Adult Thoracic CT
Performed Procedure Step
Perfusion
Perfusion image analysis
Pericardial cavity
Pericardiophrenic Artery
Pericardium
Perimeter
Perineum
Peripheral
Peripheral Vascular Ultrasound Report
Peripheral nerve
Peripheral nervous system
Peritioneum
Peritoneal cavity
Peroneal Vein
Peroneal artery
Perpendicular Axis
Phantom
Phantom tumor (pseudotumor)
Pharynx
Pharynx and larynx
Phentolamine
Photoacoustic
Photon Energy
Physical object
Physician Review Input Used
Physicist Review Input Used
Pia mater
Pin
Pineal Gland
Pituitary
Pixel by pixel Maximum
Pixel by pixel Minimum
Pixel by pixel addition
Pixel by pixel division
Pixel by pixel mask
Pixel by pixel mean
Pixel by pixel multiplication
Pixel by pixel subtraction
Pixelated spiculations
Plain radiography
Plan
Plan Comparison Input Used
Plan Quality Assurance Input Used
Plane A
Plane B
Plantar Arterial Arch
Plate-like atelectasis
Pleonemia
Pleura
Pleural structure
Pneumomediastinum
Pneumothorax
Polar to Rectangular Scan Conversion
Poorly defined
Poorly demarcated
Popliteal Vein
Popliteal artery
Popliteal fossa
Portable Media Importer Equipment
Portacath
Portal vein
Position Sensor
Positioning
Positron emission tomography
Post-chemotherapy
Post-dose
Post-intervention
Post-operative
Post-radiation
Postaxial
Posterior
Posterior Cerebral Artery
Posterior Cerebral Artery P1 Segment
Posterior Cerebral Artery P2 Segment
Posterior Commissure
Posterior Descending Right Coronary Artery
Posterior Tibial Vein
Posterior arch vein
Posterior cerebral commissure
Posterior communication artery
Posterior enhancement
Posterior junction line
Posterior medial tributary
Posterior projection
Posterior segment of right upper lobe
Posterior shadowing
Posterior surface of the RPE
Posterior tibial artery
Posterior tracheal stripe
Posterolateral
Posterolateral branch of right Coronary Artery
Posttreatment
Potassium carbonate K^42^
Potassium chloride K^42^
Potassium chloride K^43^
Power Doppler
Pre-Planning Result
Pre-admission
Pre-dose
Pre-intervention
Pre-operative
Preaxial
Predecessor containing group of imaging subjects
Preliminary report
Present
Presentation State
Previous Finding
Previous Findings
Primary complex
Primitive aorta
Primitive pulmonary artery
Prior Procedure Descriptions
Probabilistic
Procedure Description
Procedure Logging
Processing Equipment
Profunda Femoris Artery
Profunda Femoris Vein
Profusion
Proper Hepatic Artery
Proportional to counts
Proportional to counts per second
Propranolol
Propyliodone
Prostaglandin E1
Prostate
Prosthesis
Protamine sulfate
Proton Density
Proton Density Weighted MR Signal Intensity
Proximal
Proximal Circumflex Coronary Artery
Proximal Left Anterior Descending Coronary Artery
Proximal Right Coronary Artery
Pseudoplaque
Pulmonary Vein
Pulmonary arteriovenous fistula
Pulmonary artery
Pulmonary artery conduit
Pulmonary chamber of cor triatriatum
Pulmonary embolism
Pulmonary trunk
Pulmonary valve
Pulmonary vein
Pulmonary vein confluence
Pulmonary venous atrium
Pulsed
Putamen
Quality Issue
Quality control material image
Quinidine
R-Coefficient
R1
R2
R2*
R2-Coefficient
RECIST 1.0
RECIST 1.1
RGB B Component
RGB G Component
RGB R Component
RPLGD
RT Dose
RT Image
RT Plan
RT Plan Summation Input Used
RT Planning Result
RT Prescription Input Used
RT Prescription Result
RT Structure Set
RT Treatment Course Summary
RT Treatment Planning Input Used
RT Treatment QA Result
RT Treatment Record
RT Treatment Session Result
RT Treatment Simulation Result
RT Workflow Input Used
RTV Audio and Stereo Video Rendition
RTV Audio and Video Rendition
RTV Rendition
RTV Stereo Video Rendition
Radial Diffusivity
Radial Kurtosis
Radial artery
Radial vein
Radiation Exposure and Protection Information
Radiation Therapy Device
Radioactive implant
Radiofluoroscopy
Radiographic anatomy
Radiographic imaging
Radiology Report
Radiopharmaceutical Adverse Reaction
Radium^223^ dichloride
Radius
Real World Value Map
Reciprocating grid
Recommendation
Recommendations
Rectal Balloon
Rectum
Recurrence of tumor
Referenced Frames
Referenced Segment
Registration
Registration Input
Registration Result
Rejected for Patient Safety Reasons
Rejected for Quality Reasons
Relative Anisotropy
Relative Linear Stopping Power
Relative Regional Blood Flow
Relative Regional Blood Volume
Renal artery
Renal pelvis
Renal vein
Replaced report
Representative point
Request
Resource inadequate
Resource pre-empted
Respiratory Waveform
Retain Device Identity Option
Retain Institution Identity Option
Retain Longitudinal Temporal Information Full Dates Option
Retain Longitudinal Temporal Information Modified Dates Option
Retain Patient Characteristics Option
Retain Safe Private Option
Retain UIDs Option
Reticular pattern
Reticulonodular pattern
Retro-orbital route
Retroperitoneal space
Retroperitoneum
Rhodium
Rib
Rib Scalene Tubercle
Right
Right Branch of Hepatic Artery
Right Coronary Artery
Right Coronary Artery Ostium
Right Hemisphere Most Anterior
Right Hemisphere Most Inferior
Right Hemisphere Most Posterior
Right Hemisphere Most Superior
Right Hepatic Vein
Right Main Branch of Portal Vein
Right Pulmonary Vein
Right anterior oblique
Right atrium
Right auricular appendage
Right femoral artery
Right hypochondriac region
Right inguinal region
Right lateral projection
Right lower quadrant of abdomen
Right lumbar region
Right main bronchus
Right posterior AV Coronary Artery
Right posterior oblique
Right pulmonary artery
Right tracheal stripe
Right upper quadrant of abdomen
Right ventricle
Right ventricle inflow
Right ventricle outflow tract
Root Angular Second Moment of GLCM
Rose Bengal sodium I^131^
Rotational Acquisition
Rotational atherectomy device
Round shape
Runge-Kutta
SPECT brain
SUVbsa
SUVbw
SUVibw
SUVlbm
SUVlbm(James128)
SUVlbm(Janma)
Sacro-coccygeal Spine
Sacroiliac joint
Sacrum
Sagittal
Sagittal-oblique axial
Saliency
Saline bag prosthesis for imaging procedure
Salivary gland
Same Anatomy
Same Indication
Saphenofemoral junction
Saphenopopliteal junction
Saphenous vein
Scalenous anterior muscle
Scalp
Scapula
Scapular Infraspinatus Fossa
Scapular Spine
Scapular Supraspinatus Fossa
Scar tissue
Sclera
Scrotum
Seat Pan
Second Intercostal Space
Second Lumbar Artery
Secondary pulmonary lobule
Seed point
Segment of lung
Segmental
Segmental Artery
Segmentation
Segmentation Result
Selected region
Selenium^75^ HCAT
Selenomethionione Se^75^
Sella turcica
Seminal Vesicle
Sensation of being warm (finding)
Septal line(s)
Sequenced Acquisition
Series
Series Number
Serratus anterior muscle
Sesamoid bones of foot
Seventh Intercostal Space
Severe
Shadow
Shaft of rib
Shaking
Sharply defined
Sharply demarcated
Sheet Film Digitized
Shin Rest
Short axis
Shoulder
Sigmoid colon
Signal change
Signal to noise
Signed Complete Acquisition Content
Signed Complete Study Content
Signed Manifest
Signet-ring sign
Significance Undetermined
Significant
Silhouette sign
Silver
Simultaneous Arterial Pulse Waveform
Simultaneous Doppler
Simultaneous ECG
Simultaneous Hemodynamic
Simultaneous Phonocardiographic Waveform
Simultaneous Respiratory Waveform
Simultaneous Voice Narrative
Simultaneously Acquired
Single Plane
Single Tensor
Single subject extracted from group
Sixth Intercostal Space
Sixth Lumbar Artery
Skewness
Skin
Skin of abdomen
Skin of chest
Skull
Slide Microscopy
Slow Diffusion Coefficient
Small
Small Cardiac Vein
Small intestine
Small irregular opacities
Small rounded opacities
Smallest Cardiac Vein
Smoothing
Sodium acetrizoate
Sodium chloride Na^22^
Sodium chloride Na^24^
Sodium chromate Cr^51^
Sodium diprotrizoate
Sodium fluoride F^18^
Sodium iodide I^123^
Sodium iodide I^131^
Sodium iodipamide
Sodium iodomethamate
Sodium pertechnetate Tc^99m^
Sodium phosphate P^32^
Sodium tyropanoate
Soft palate
Soft tissue
Software failure
Soleal vein
Source Deformable Spatial Registration
Source Document
Source dose for composing current dose
Source image
Source image for image processing operation
Source image for montage
Source measurement
Source of Measurement
Source raw data
Source real world value map
Source report
Source series for image processing operation
Spatial Displacement X Component
Spatial Displacement Y Component
Spatial Displacement Z Component
Spatial Fiducials
Spatial and Relational Concept
Spatial collocation analysis
Spatial proximity analysis
Spatial resampling
Spatially-related frames extracted from the volume
Spectral filtered image
Spectroscopy
Spectroscopy Data for Water Phase Correction
Speed of sound
Sphenoid bone
Sphere
Spherical Deconvolution
Spiculated
Spin Tagging Perfusion MR Signal Intensity
Spinal cerebrospinal fluid pathway
Spinal cord
Spinal cord gray matter
Spinal cord white matter
Spinalis muscle
Spine
Spinous process of vertebra
Spiral Acquisition
Spleen
Splenic artery
Splenic vein
Stage-View
Standard Deviation
Standard Deviation of Attenuation Coefficient
Standard deviation distance of calcifications in a cluster
Standard deviation of population
Standardized Uptake Value
Standardized Uptake Value body surface area
Standardized Uptake Value body weight
Standardized Uptake Value ideal body weight
Standardized Uptake Value lean body mass (James 128 multiplier)
Standardized Uptake Value lean body mass (James)
Standardized Uptake Value lean body mass (Janma)
Staple
Stationary Acquisition
Stent
Stepping Acquisition
Stereometric Relationship
Sternal angle
Sternoclavicular joint
Sternocleidomastoid muscle
Sternum
Stomach
Storage Detector
Streamline
Streptokinase
Stretcher
Strip filter
Stripe
Strontium chloride Sr^85^
Strontium chloride Sr^87^
Strontium chloride Sr^89^
Strontium nitrate Sr^85^
Strontium nitrate Sr^87^
Structural image for image processing
Structured Report Document
Student's T-test
Studies Imported
Study
Subacute
Subarachnoid space
Subcapsular
Subclavian artery
Subclavian vein
Subcostal
Subcostal muscle
Subcutaneous route
Subcutaneous tissue
Subjective Refraction
Submandibular area
Submandibular gland
Submental
Suboptimal contrast timing
Subpleural
Subpleural line
Subscapular Fossa
Subscapularis muscle
Substance
Substantia nigra
Subxiphoid
Summary
Superficial
Superficial Femoral Artery
Superficial Femoral Vein
Superficial Palmar Arch
Superficial Palmar Venous Arch
Superficial temporal artery
Superior
Superior Mesenteric Vein
Superior articular facet of axis
Superior articular process of vertebra
Superior cerebellar peduncle
Superior left pulmonary vein
Superior longitudinal fasciculus
Superior mesenteric artery
Superior phrenic artery
Superior right pulmonary vein
Superior thyroid artery
Superior vena cava
Supra-renal Aorta
Supraclavicular region of neck
Suprapulmonic valve area
Supraspinatus muscle
Suprasternal notch
Surface
Surface between Inner and Outer Segments of the photoreceptors
Surface of the center of the RPE
Surface of the choroid-sclera interface
Surface of the interdigitating zone between retina and RPE
Surface rendering
Suture
Sv
Sweating
Sympathetic trunk
Synthesizing Equipment
System Calculated
Systemic
Systemic artery
Systemic collateral artery to lung
Systemic vascular structure
Systemic vein
Systemic venous atrium
T1
T1 Weighted Dynamic Contrast Enhanced MR Signal Intensity
T1 Weighted MR Signal Intensity
T1 vertebra
T1/T2 disc
T10 vertebra
T10/T11 disc
T11 vertebra
T11/T12 disc
T12 vertebra
T12/L1 disc
T2
T2 Weighted Dynamic Contrast Enhanced MR Signal Intensity
T2 Weighted MR Signal Intensity
T2 vertebra
T2*
T2* Weighted Dynamic Contrast Enhanced MR Signal Intensity
T2* Weighted MR Signal Intensity
T2/T3 disc
T3 vertebra
T3/T4 disc
T4 vertebra
T4/T5 disc
T5 vertebra
T5/T6 disc
T6 vertebra
T6/T7 disc
T7 vertebra
T7/T8 disc
T8 vertebra
T8/T9 disc
T9 vertebra
T9/T10 disc
TEND
Table
Table Height End Position
Table Height Position
Table Lateral End Position
Table Lateral Position
Table Longitudinal End Position
Table Longitudinal Position
Table Mount
Table X End Position to Isocenter
Table X Position to Isocenter
Table Y End Position to Isocenter
Table Y Position to Isocenter
Table Z End Position to Isocenter
Table Z Position to Isocenter
Table of Values
Table of Values Citation
Tachycardia-bradycardia
Tantalum
Target
Target Lesion Complete Response
Target Lesion Partial Response
Target Lesion Progressive Disease
Target Lesion Stable Disease
Target Lesion at Baseline
Tarsal joint
Taste sense altered
Technetium Tc^99c^ albumin microspheres
Technetium Tc^99m^ N-substituted iminodiacetate
Technetium Tc^99m^ aggregated albumin
Technetium Tc^99m^ bicisate
Technetium Tc^99m^ depreotide
Technetium Tc^99m^ disofenin
Technetium Tc^99m^ exametazime
Technetium Tc^99m^ iron ascorbate
Technetium Tc^99m^ lidofenin
Technetium Tc^99m^ mebrofenin
Technetium Tc^99m^ medronate
Technetium Tc^99m^ microaggregated albumin
Technetium Tc^99m^ oxidronate
Technetium Tc^99m^ pentetate
Technetium Tc^99m^ pyrophosphate
Technetium Tc^99m^ serum albumin
Technetium Tc^99m^ sestamibi
Technetium Tc^99m^ sodium glucoheptonate
Technetium Tc^99m^ stannous etidronate
Technetium Tc^99m^ succimer
Technetium Tc^99m^ sulfur colloid
Technetium Tc^99m^ tagged red cells
Technetium Tc^99m^Teboroxime
Technetium Tc^99m^Tetrofosmin
Technetium^99m Galactosyl Human Serum Albumin Diethylenetriamine
Technetium^99m Mercaptoacetyl triglycine MAG3
Technetium^99m N-pyridoxyl-5-methyltryptophan
Technetium^99m Phytate
Technetium^99m Stannous Colloid
Technetium^99m labeled carbon
Telencephalon
Temperature encoded
Temporal Bone
Temporal Derivative Threshold
Temporal Predecessor
Temporal Successor
Temporal correlation
Temporal lobe
Temporally-related frames extracted from the set of volumes
Temporomandibular joint
Tendon
Tenth Intercostal Space
Teres major muscle
Teres minor muscle
Terminal internal carotid artery
Testicular Artery
Testicular Vein
Testis
Texture Map
Thalamus
Thallous chloride Tl^201^
Therapeutic radioisotope
Thermography
Thermoluminescent radiation dosimeter
Thigh
Thigh perforator
Third Intercostal Space
Third Lumbar Artery
Third ventricle
Thoracic Duct
Thoracic aorta
Thoracic spine
Thoraco-lumbar spine
Thorax
Three-dimensional method
Thrombin preparation
Thrombolytic agent
Thromboplastin
Thrombus
Thumb
Thymus
Thymus Gland
Thyrocervical trunk
Thyroid
Time
Time Of Flight Angio MR Signal Intensity
Time To Peak
Time course of signal
Time of Leading Half-Peak Concentration
Time of Peak Concentration
Tin
Tissue
Tissue Velocity
Tissue not of interest
Tmax
Toe
Tolazoline hydrocholoride
Tongue
Too small
Tooth
Topical route
Total
Trabeculae carnae
Trace
Tracer Concentration
Trachea
Trachea and bronchus
Tracheotomy
Tramline shadow
Transjugular Intrahepatic Portosystemic Shunt
Transverse
Transverse process or vertebra
Transversus thoracis
Trapezius muscle
Tree-in-bud sign
Trendelenburg
Tricuspid valve
Truncus arteriosus communis
Truncus coeliacus
Trunk of pulmonary artery
Tuarine
Tubercle of rib
Tubular shadow
Tumor Board Input Used
Tumor Registry Input Used
Tungsten
Two chamber
Two-dimensional method
US Artery Report
US Breast Report
US Carotid Arteries Report
US Doppler Abdominal Vessels Report
US Doppler Extremity Vessels Report
US Doppler Head Vessels Report
US Doppler Lower Extremity Vessels Report
US Doppler Upper Extremity Vessels Report
US Doppler Vessels Report
US Kidney Report
US Liver Report
US Pancreas Report
US Prostate (transrectal) Report
US Scrotum and Testicle Report
US Shoulder Report
US Spleen Report
US Tendon Report
US Thyroid Report
US Vein Report
Ulnar artery
Ulnar vein
Ultrasound
Ultrasound Attenuation
Ultrasound Bone Densitometry
Ultrasound Obstetric and Gyn Report
Ultrasound Report
Umbilical artery
Umbilical region
Umbilical vein
Uncinate fasciculus
Uncompressed predecessor
Under exposed
Undetermined
Unilateral
Unknown failure
Unmounted Detector
Unsharp mask
Unspecified method of calculation
Upper abdomen
Upper arm
Upper inner quadrant of breast
Upper limb
Upper lobe of lung
Upper outer quadrant of breast
Upper urinary tract
Upper zone of lung
Upright Stand Mount
Ureter
Ureteric stent
Urethra
Urinary system
Urine
Urokinase preparation
User chosen value
Uterine Artery
Uterus
Uterus and fallopian tubes
Vacuum Mold
Vagina
Vaginal Cylinder
Vaginal route
Vagus nerve
Vas deferens
Vascular graft
Vascularity not assessed
Vascularity not present
Vascularity present immediately adjacent to lesion
Vascularity present in lesion
Vasoconstriction
Vasodilation
Vasodilator
Vein
Velocity encoded
Vena cava
Vena cava filter
Venous network
Ventral Diencephalon
Ventricle
Ventricular Vein
Verapamil
Vertebra
Vertebral Intervertebral Notch
Vertebral artery
Vertebral canal
Vertebral column and cranium
Vertebral foramen
Vertical
Vertical Long Axis
Very small
Video Tape Digitized
Video Tape Digitizer Equipment
Virtual grid
Visual Acuity
Volume
Volume Ratio
Volume corresponding to spatially-related acquisition frames
Volume editing
Volume estimated from single 2D region
Volume estimated from three or more non-coplanar 2D regions
Volume estimated from two non-coplanar 2D regions
Volume of Vascular Calcification
Volume of bounding three dimensional region
Volume of breast
Volume of circumscribed sphere
Volume of ellipsoid
Volume of parenchymal tissue
Volume of sphere
Volume rendering
Volume scoring method
Volumetric Diffusion Dxx Component
Volumetric Diffusion Dxy Component
Volumetric Diffusion Dxz Component
Volumetric Diffusion Dyy Component
Volumetric Diffusion Dyz Component
Volumetric Diffusion Dzz Component
Vomer bone
Vulva
WHO
Wall
Warfarin
Waste Material
Water
Water Equivalent Diameter From Localizer
Water Equivalent Diameter From Raw Data
Water Equivalent Diameter Integrated Across Scan Range
Water Equivalent Diameter Representative Value
Water bag prosthesis for imaging procedure
Water fraction
Water/fat in phase
Water/fat out of phase
Wedge filter
Well defined
Well demarcated
White Matter
White Matter T1 Hypointensity
White Matter T2 Hyperintensity
Whole Body Pod
Width
Wood U
Wood U/m2
Workitem assignment rejected by assigned resource
Workitem expired
Workstation
Wrist joint
X-Ray Angiography
X-Ray Attenuation
X-Ray Report
XR unspecified body region
Xenon
Xenon^133^ gas
Xiphoid process of sternum
YBR FULL CB Component
YBR FULL CR Component
YBR FULL Y Component
YBR ICT CB Component
YBR ICT CR Component
YBR ICT Y Component
YBR PARTIAL CB Component
YBR PARTIAL CR Component
YBR PARTIAL Y Component
YBR RCT CB Component
YBR RCT CR Component
YBR RCT Y Component
Yes
Yttrium^90^ microspheres
Z-Score of measurement
Z-score
Zygoma
^111^Indium
^113m^Indium
^123^Iodine
^125^Iodine
^127^Xenon
^131^Iodine
^133^Barium
^133^Xenon
^14^Carbon
^153^Gadolinium
^153^Samarium
^169^Ytterbium
^177^Lutetium
^178^Tantalum
^186^Rhenium
^188^Rhenium
^18^Fluorine
^191m^Iridium
^198^Gold
^199^Gold
^201^Thallium
^203^Lead
^223^Radium
^22^Sodium
^24^Sodium
^32^Phosphorus
^42^Potassium
^43^Potassium
^51^Chromium
^57^Cobalt
^58^Cobalt
^59^Iron
^60^Cobalt
^64^Copper
^67^Copper
^67^Gallium
^75^Selenium
^81m^Krypton
^85^Krypton
^85^Strontium
^87m^Strontium
^89^Strontium
^90^Yttrium
^97^Ruthenium
^99m^Technetium
acanthioparietal
anatomical
anterior first
antero-posterior
antero-posterior oblique
arbitrary unit
axial
beta-Adrenergic blocking agent
brachiocephalic trunk
cM0
caudo-cranial
centimeter/second
cm
cranio-caudal
cubic centimeter
cubic decimeter
cubic micrometer
cubic millimeter
curled-up
decibel
degrees Celsius
dorsoplantar
dyn.s.cm-5
dyn.s.cm-5/m2
feet-first
frog
frontal
frontal oblique
frontal-oblique axial
headfirst
inverse Trendelenburg
kPa
kep
knee-chest
kneeling
lateral
lateral decubitus
lateral oblique
lateral-medial
latero-medial oblique
left anterior oblique
left first
left lateral
left lateral decubitus
left oblique
left posterior oblique
lithotomy
lordotic
medial oblique
medial-lateral
medio-lateral oblique
micrometer
milliTesla
milliliter per 100 gram per minute
milliliter per 100 milliliter
milliliter per minute
milliliter per second
millimeter/second
millimoles per kg wet weight
millisecond
mm
mm2/s
mmHg
no units
number particles per 100 gram of tissue
oblique
oblique axial
oblique caudo-cranial
oblique cranio-caudal
orbitoparietal
pM1
pN0
pN1
pN2
pN2a
pN2b
pN3
pN3a
pN3b
pN3c
pNX
pT0
pT1
pT1a
pT1b
pT1c
pT1mi
pT2
pT3
pT4
pT4a
pT4b
pT4c
pT4d
pTX
pTis
pTis (DCIS)
pTis (Paget)
parieto-orbital
parietoacanthial
plantodorsal
posterior first
postero-anterior
postero-anterior oblique
ppm
prone
pulmonary valve sinuses
ratio
recumbent
right anterior oblique
right first
right lateral
right lateral decubitus
right oblique
right posterior oblique
sagittal-oblique axial
second
second per square millimeter
semi-erect
semi-prone
sitting
square micrometer
square millimeter
standing
stooped-over
submentovertical
supine
tangential
tau_m
tissue specimen
transverse
um2/ms
um2/s
vascular sclerosis
ve
verticosubmental
vp
"""
